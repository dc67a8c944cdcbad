"""Pango's page "User Activity": what customers do with products and messages."""

from provider.contract.entities.entity_type import CompanySender, WithCustomFields, record_status
from provider.contract.entities.fields import (
    LONGEST_KEY,
    Boolean,
    Double,
    EmailText,
    Integer,
    Long,
    PhoneText,
    Text,
    TextList,
    Timestamp,
)

PAGE = "User Activity"


class CustomerProductActivity(WithCustomFields, CompanySender):
    """Something a customer did with a product."""

    object_type = "customer-product-activity"
    page = PAGE
    keeps_custom_fields = True
    needs = ((("customerPhone",), ("customerEmail",)),)
    key = ("actionId",)
    newest_by = ("actionAt",)
    person = {"phone": "customerPhone", "email": "customerEmail", "customerId": "customerId"}

    actionId = Text("The action's key.", required=True, example="00000000001", longest=LONGEST_KEY)
    action = Text("What the customer did.", required=True, open_list=("Search", "Wishlist"), example="Wishlist")
    actionAt = Timestamp("When it was done.", required=True, example=1584483275000)
    actionStatus = Text("How it ended.", example="Done")
    textResult = Text("A result that is text.", example="found")
    boolResult = Boolean("A result that is true or false.", example=True)
    longResult = Long("A result that is a whole number.", example=12)
    doubleResult = Double("A result that is a number.", example=1.5)
    customerId = Text("The customer's key at the sender.", required=True, example="user1", longest=LONGEST_KEY)
    customerName = Text("The customer's name.", required=True, example="Nguyen Van A")
    customerPhone = PhoneText("The customer's phone.")
    customerEmail = EmailText("The customer's email.")
    productSku = Text("The product's stock keeping unit.", required=True, example="SKU001")
    productName = Text("The product's name.", required=True, example="Coffee Bee")
    productCategory = Text("The category's name.", example="Coffee")
    productCategoryId = Text("The category's key.", required=True, example="C1020")
    productImageLink = Text("The address of the product's picture.", example="https://example.com/coffee.png")
    productLink = Text("The address of the product's page.", example="https://example.com/coffee")
    price = Double("The price.", example=50000)
    quantity = Integer("How many.", example=2)
    recordStatus = record_status()


class _Interaction(WithCustomFields, CompanySender):
    """The fields of an interaction with a message of any channel."""

    page = PAGE
    key = ("id",)
    newest_by = ("eventAt",)

    id = Text("The interaction's key.", required=True, example="I0001", longest=LONGEST_KEY)
    eventAt = Timestamp("When it happened.", required=True)
    trackId = Text("The sender's own key of the campaign.", example="T01")
    gaTid = Text("The tracking id of Google Analytics.", example="UA-0903923823-1")
    gaCid = Text("The client id of Google Analytics.", example="7349856723987544.5879843467874238")
    o2oCid = Text("The client id of O2O.", example="86565656362.2651265687")
    link = Text("The link that was clicked.", example="https://example.com/sale")
    link2 = Text("A second link that was clicked.", example="https://example.com/news")
    messageId = Text("The message's key.", example="1584507164000")
    templateId = Text("The template's key at the provider.", example="TPL01")
    templateName = Text("The template's name.", example="Birthday")
    campaignId = Text("The campaign's key at the provider.", example="CMP01")
    campaignName = Text("The campaign's name.", example="Birthday2023")
    webhookId = Text("The webhook's key at the provider.", example="W01")
    reason = Text("Why, in the provider's words.", example="mailbox full")
    tags = TextList("Labels.")
    recordStatus = record_status()


class EmailInteraction(_Interaction):
    """What became of an email."""

    object_type = "email-interaction"
    person = {"email": "email"}

    email = EmailText("The address the message went to.", required=True)
    serviceProvider = Text("The company that delivered the message.", required=True, example="Brevo")
    event = Text("What happened to the message.", required=True, open_list=("opened", "clicked"))
    actionAt = Timestamp("When it was done.", required=True)
    subject = Text("The subject line.", example="Chúc mừng sinh nhật")


class SmsInteraction(_Interaction):
    """What became of a text message."""

    object_type = "sms-interaction"
    person = {"phone": "phoneNumber"}

    phoneNumber = PhoneText("The phone the message went to.", required=True)
    serviceProvider = Text("The company that delivered the message.", required=True, example="SMSGWA")
    event = Text("What happened to the message.", required=True, choices=("sent", "clicked"), example="clicked")
    text = Text("The message.", example="Chúc mừng sinh nhật")
    actionAt = Timestamp("When it was done.")


class _Opinion(WithCustomFields, CompanySender):
    """What a comment and a review have in common."""

    page = PAGE
    keeps_custom_fields = True
    needs = ((("customerPhone",), ("customerEmail",)),)
    person = {"phone": "customerPhone", "email": "customerEmail", "customerId": "customerId"}

    title = Text("The heading.", example="Tình trạng sản phẩm")
    content = Text("What was written.", required=True, example="Xin hỏi sản phẩm này còn không?")
    ipAddress = Text("The address it was written from.", example="152.25.26.3")
    customerId = Text("The customer's key at the sender.", required=True, example="user1", longest=LONGEST_KEY)
    customerName = Text("The customer's name.", required=True, example="Nguyen Van A")
    customerPhone = PhoneText("The customer's phone.")
    customerEmail = EmailText("The customer's email.")
    productSku = Text("The product's stock keeping unit.", required=True, example="SKU001")
    productName = Text("The product's name.", required=True, example="Coffee Bee")
    productCategory = Text("The category's name.", example="Coffee")
    productCategoryId = Text("The category's key.", example="C1020")
    productImageLink = Text("The address of the product's picture.", example="https://example.com/coffee.png")
    productLink = Text("The address of the product's page.", example="https://example.com/coffee")
    productPrice = Double("The list price.", example=50000)
    productPrice4Sale = Double("The price after all discounts.", example=45000)
    recordStatus = record_status()


class CustomerProductComment(_Opinion):
    """A customer's comment on a product."""

    object_type = "customer-product-comment"
    key = ("commentId",)
    newest_by = ("commentedAt",)

    commentedAt = Timestamp("When the comment was written.", required=True, example=1584483275000)
    commentId = Text("The comment's key.", required=True, example="CM0001", longest=LONGEST_KEY)
    parentCommentId = Text("The key of the comment it answers.", example="CM0000")


class CustomerProductReview(_Opinion):
    """A customer's review of a product."""

    object_type = "customer-product-review"
    key = ("reviewId",)
    newest_by = ("reviewedAt",)

    reviewedAt = Timestamp("When the review was written.", required=True, example=1584483275000)
    reviewId = Text("The review's key.", required=True, example="RV0001", longest=LONGEST_KEY)
    rating = Integer("The rating; Pango's page states no scale.", example=5)
    imageLinks = TextList("Addresses of pictures that go with it.", example=("Link1", "Link2"))


class CustomerProductSubscriber(WithCustomFields, CompanySender):
    """A customer who wants news of a product."""

    object_type = "customer-product-subscriber"
    page = PAGE
    keeps_custom_fields = True
    needs = ((("customerPhone",), ("customerEmail",)),)
    key = ("subscribeId",)
    newest_by = ("subscribeAt",)
    person = {"phone": "customerPhone", "email": "customerEmail", "customerId": "customerId"}

    subscribeAt = Timestamp("When the subscription was made.", required=True, example=1584483275000)
    subscribeId = Text("The subscription's key.", required=True, example="SB0001", longest=LONGEST_KEY)
    customerId = Text("The customer's key at the sender.", example="user1", longest=LONGEST_KEY)
    customerName = Text("The customer's name.", required=True, example="Nguyen Van A")
    customerPhone = PhoneText("The customer's phone.")
    customerEmail = EmailText("The customer's email.")
    customerCountry = Text("The customer's country.", example="Viet Nam")
    customerCity = Text("The customer's city.", example="HCM")
    customerDistrict = Text("The customer's district.", example="Tan Phu")
    customerAddress = Text("The customer's address.", example="278 Hoa Binh")
    productId = Text("The product's key.", example="P001")
    productSku = Text("The product's stock keeping unit.", required=True, example="SKU001")
    productName = Text("The product's name.", required=True, example="Coffee Bee")
    status = Text("Whether the subscription stands.", required=True, choices=("Subscribed", "Unsubscribed"))
    storeId = Text("The store's key.", example="S01")
    storeName = Text("The store's name.", example="Cửa hàng số 1")
    storeCity = Text("The store's city.", example="Ho Chi Minh")
    storeDistrict = Text("The store's district.", example="Tan Phu")
    subscribeEmail = Boolean("Whether news may come by email.", example=True)
    subscribePhone = Boolean("Whether news may come by phone.", example=False)
    sourceChannel = Text("Whether the contact came about online.", choices=("Online", "Offline"))
    sourceName = Text("Where the contact came from.", example="Website")
    sourceNameLevel2 = Text("Where it came from, in more detail.", example="FormID12323434")
    recordStatus = record_status()
