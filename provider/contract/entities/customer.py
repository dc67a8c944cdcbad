"""Pango's page "Customer": customers and what belongs to them."""

from provider.contract.entities.entity_type import CompanySender, WithCustomFields, record_status
from provider.contract.entities.fields import (
    LONGEST_KEY,
    Boolean,
    EmailText,
    Integer,
    Long,
    PhoneText,
    Text,
    TextDate,
    TextList,
    Timestamp,
)

PAGE = "Customer"


class CustomerIdentity(WithCustomFields, CompanySender):
    """A customer: who they are and how to reach them."""

    object_type = "customer-identity"
    page = PAGE
    keeps_custom_fields = True
    needs = ((("phone",), ("email",)), (("fullName",), ("firstName", "lastName")))
    key = ("customerId",)
    newest_by = ("updatedAt", "createdAt")
    person = {"phone": "phone", "email": "email", "customerId": "customerId"}

    customerId = Text("The customer's key at the sender.", required=True, example="C120901341", longest=LONGEST_KEY)
    customerGroup = Text("The segment or tier the customer is in.", example="VIP")
    identityNo = Text("The number of the identity card.", example="38143xxxx")
    passportNo = Text("The number of the passport.", example="BC12xxxxA")
    phone = PhoneText("The customer's phone.")
    email = EmailText("The customer's email.")
    fullName = Text("The whole name, in one piece.", example="Nguyen Minh Dee")
    firstName = Text("The first name.", example="Nguyen")
    lastName = Text("The last name.", example="Dee")
    middleName = Text("The middle name.", example="Minh")
    nickNames = TextList("Names the customer goes by.", example=("Dee Nguyen", "dee"))
    gender = Text("The gender.", choices=("male", "female", "undefined"))
    dob = Timestamp("The birthday: midnight where the person lives.", example=582310800000, past=True)
    dob2 = TextDate("The birthday as text.", example="2001-10-31")
    yob = Integer("The year of birth.", example=1988)
    maritalStatus = Text("Single or not.", choices=("Single", "Married", "Divorced"))
    religious = Text("The religion.", example="None")
    country = Text("The country.", example="Viet Nam")
    state = Text("The state, where a country has them.", example="CA")
    city = Text("The city or province.", example="Ho Chi Minh")
    district = Text("The district.", example="Tan Phu")
    ward = Text("The ward or commune.", example="Hiep Tan")
    address = Text("House number and street.", example="278 Hoa Binh")
    building = Text("The building's name.", example="Richstar Resident")
    buildingBlock = Text("The block of the building.", example="Block x")
    apartmentCode = Text("The number of the flat.", example="xx.xx")
    zipCode = Text("The postal code.", example="700000")
    language = Text("The language the customer speaks.", example="Vietnamese")
    status = Text("The status, in the sender's own words.", example="Active")
    sourceChannel = Text("Whether the contact came about online.", choices=("Online", "Offline"))
    sourceName = Text("Where the contact came from.", open_list=("Facebook Ads", "Google Search"))
    sourceNameLevel2 = Text("Where it came from, in more detail.", example="FormID12323434")
    storeId = Text("The store's key.", example="S01")
    storeCity = Text("The store's city.", example="Ho Chi Minh")
    storeDistrict = Text("The store's district.", example="Tan Phu")
    photos = Text('Links to photos, in one text with "; " between them.', example="PicLink1; PicLink2")
    createdAt = Timestamp("When the sender created the record.")
    createdBy = Text("Who created the record.", example="user01")
    updatedAt = Timestamp("When the sender last changed the record.")
    updatedBy = Text("Who last changed the record.", example="user02")
    recordStatus = record_status()


class CustomerRelationship(WithCustomFields, CompanySender):
    """A person who is related to a customer."""

    object_type = "customer-relationship"
    page = PAGE
    keeps_custom_fields = True
    needs = ((("fullName",), ("firstName", "lastName")),)
    key = ("relationshipId",)
    newest_by = ("updatedAt", "createdAt")
    person = {"phone": "customerPhone", "email": "customerEmail", "customerId": "customerId"}

    customerId = Text(
        "The key of the customer who has the relation.", required=True, example="C1230000001", longest=LONGEST_KEY
    )
    customerEmail = EmailText("The customer's email.")
    customerPhone = PhoneText("The customer's phone.")
    relationshipId = Text("The relation's key.", required=True, example="R0001", longest=LONGEST_KEY)
    relationship = Text(
        "What the related person is to the customer.",
        required=True,
        choices=("child", "spouse", "husband", "wife", "father", "mother", "parents", "undefined"),
    )
    phone = PhoneText("The related person's phone.")
    email = EmailText("The related person's email.")
    fullName = Text("The related person's whole name.", example="Nguyen Minh Dee")
    firstName = Text("The related person's first name.", example="Dee")
    lastName = Text("The related person's last name.", example="Nguyen Minh")
    dob = Timestamp("The related person's birthday.", past=True)
    gender = Text("The related person's gender.", choices=("male", "female", "undefined"))
    status = Text("The status, in the sender's own words.", example="Active")
    createdAt = Timestamp("When the sender created the record.")
    createdBy = Text("Who created the record.", example="user01")
    updatedAt = Timestamp("When the sender last changed the record.")
    updatedBy = Text("Who last changed the record.", example="user02")
    recordStatus = record_status()


class CustomerMembership(WithCustomFields, CompanySender):
    """A membership of a customer: its tier and its points."""

    object_type = "customer-membership"
    page = PAGE
    keeps_custom_fields = True
    needs = ((("customerId",), ("customerEmail",), ("customerPhone",)),)
    key = ("membershipId",)
    newest_by = ("membershipUpdatedAt", "membershipIssuedAt")
    person = {"phone": "customerPhone", "email": "customerEmail", "customerId": "customerId"}

    customerId = Text("The customer's key at the sender.", example="C110000001", longest=LONGEST_KEY)
    customerEmail = EmailText("The customer's email.")
    customerPhone = PhoneText("The customer's phone.")
    customerName = Text("The customer's name.", example="Dee Nguyen")
    membershipId = Text(
        "The number of the membership or of its card.", required=True, example="0359677xxx", longest=LONGEST_KEY
    )
    membershipType = Text("The tier.", example="VIP")
    status = Text("Whether the membership is in use.", open_list=("Active",))
    membershipIssuedAt = Timestamp("When the membership began.", required=True)
    membershipUpdatedAt = Timestamp("When the membership last changed.")
    earnPoint = Long("Points earned so far.", example=5000)
    loyaltyPoint = Long("Points that can be spent.", example=3500)
    redeemPoint = Long("Points spent.", example=1200)
    recordStatus = record_status()


class CustomerIdentityAddress(CompanySender):
    """An address of a customer."""

    object_type = "customer-identity-address"
    page = PAGE
    needs = ((("city", "district", "address"),),)
    key = ("customerId", "addressType")
    newest_by = ("startTime",)
    person = {"customerId": "customerId"}

    customerId = Text("The customer's key at the sender.", required=True, example="00000000001", longest=LONGEST_KEY)
    addressType = Text(
        "What the customer does at the address.",
        required=True,
        choices=("Hometown", "Live", "Work"),
        longest=LONGEST_KEY,
    )
    country = Text("The country.", example="Viet Nam")
    countryAlphaCode2 = Text("The country in two letters.", example="VN")
    countryAlphaCode3 = Text("The country in three letters.", example="VNM")
    state = Text("The state, where a country has them.", example="CA")
    zipCode = Text("The postal code.", example="700000")
    city = Text("The city or province.", example="Ho Chi Minh")
    district = Text("The district.", example="Tan Phu")
    ward = Text("The ward or commune.", example="Hiep Tan")
    address = Text("House number and street.", example="278 Hoa Binh")
    building = Text("The building's name.", example="Richstar 1")
    buildingBlock = Text("The block of the building.", example="RS3")
    apartmentCode = Text("The number of the flat.", example="xx.xx")
    startTime = Timestamp("Since when the customer lives there.", past=True)
    endTime = Timestamp("Until when the customer lived there.", past=True)
    recordStatus = record_status()


class CustomerIdentityEmail(CompanySender):
    """An email address of a customer."""

    object_type = "customer-identity-email"
    page = PAGE
    key = ("customerId", "email")
    person = {"email": "email", "customerId": "customerId"}

    customerId = Text("The customer's key at the sender.", required=True, example="00000000001", longest=LONGEST_KEY)
    email = EmailText("The email address.", required=True, longest=LONGEST_KEY)
    emailType = Text("What the address is used for.", required=True, choices=("Business", "Personal"))
    primary = Boolean("Whether it is the main one.", example=True)
    recordStatus = record_status()


class CustomerIdentityPhoto(CompanySender):
    """A photo of a customer."""

    object_type = "customer-identity-photo"
    page = PAGE
    key = ("customerId", "imageUrl")
    person = {"customerId": "customerId"}

    customerId = Text("The customer's key at the sender.", required=True, example="00000000001", longest=LONGEST_KEY)
    source = Text("Where the photo was found.", required=True, example="Facebook")
    imageUrl = Text("The photo's address.", required=True, example="https://domain.com/photo/pic1.png", longest=500)
    recordStatus = record_status()
