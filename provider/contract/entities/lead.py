"""Pango's page "Lead": people who may become customers."""

from provider.contract.entities.entity_type import CompanySender, WithCustomFields, record_status
from provider.contract.entities.fields import LONGEST_KEY, EmailText, Integer, PhoneText, Text, TextList, Timestamp

PAGE = "Lead"


class LeadInformation(WithCustomFields, CompanySender):
    """A person who may become a customer."""

    object_type = "lead-information"
    page = PAGE
    known_in_part = "The page's last row, recordStatus, was seen in part."
    keeps_custom_fields = True
    needs = ((("fullName",), ("firstName", "lastName")),)
    key = ("leadId",)
    newest_by = ("updatedAt", "createdAt")
    person = {"phone": "phone", "email": "email", "customerId": "customerId"}

    leadId = Text("The lead's key.", required=True, example="00000000001", longest=LONGEST_KEY)
    phone = PhoneText("The customer's phone.", required=True)
    email = EmailText("The customer's email.")
    customerId = Text("The customer's key at the sender.", longest=LONGEST_KEY)
    fullName = Text("The whole name, in one piece.", example="Nguyen Dee")
    firstName = Text("The first name.", example="Nguyen")
    lastName = Text("The last name.", example="Dee")
    dob = Timestamp("The birthday: midnight where the person lives.", past=True)
    gender = Text("The gender.", choices=("male", "female", "undefined"))
    status = Text("The status, in the sender's own words.", example="Active")
    gaTid = Text("The tracking id of Google Analytics.", example="UA-098987878")
    gaCid = Text("The client id of Google Analytics.", example="85154916362.265125484")
    o2oCid = Text("The client id of O2O.", example="86565656362.2651265687")
    formKey = Text("The form's key.", example="883995260068201")
    formName = Text("The form's name.", example="sign-up")
    formVs = Text("The form's version.", example="version1")
    tags = TextList("Labels.")
    sourceChannel = Text("Whether the contact came about online.", choices=("Online", "Offline"))
    sourceName = Text("Where the contact came from.", open_list=("Facebook Ads",))
    sourceNameLevel2 = Text("Where it came from, in more detail.", example="FormID12323434")
    sourceNameLevel3 = Text("Where it came from, in still more detail.", example="FormID12323435")
    doubleOptIn = Text("Whether consent was given twice.", choices=("Yes", "No"))
    singleOptIn = Text("Whether consent was given once.", choices=("Yes", "No"), example="No")
    facebookId = Text("The id at Facebook.", example="100001")
    zaloId = Text("The id at Zalo.", example="200002")
    linkedin = Text("The name at LinkedIn.", example="dee")
    twitterId = Text("The id at Twitter.", example="dee")
    instagramId = Text("The id at Instagram.", example="dee")
    prospectLevel = Integer("How promising the lead is.", example=2)
    createdAt = Timestamp("When the sender created the record.")
    createdBy = Text("Who created the record.", example="user01")
    updatedAt = Timestamp("When the sender last changed the record.")
    updatedBy = Text("Who last changed the record.", example="user02")
    recordStatus = record_status()
