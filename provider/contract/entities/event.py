"""Pango's page "User Event": events of customers."""

from provider.contract.entities.entity_type import Entity, WithCustomFields, record_status
from provider.contract.entities.fields import LONGEST_KEY, Double, EmailText, PhoneText, Text, TextList, Timestamp

PAGE = "User Event"


class UserEvent(WithCustomFields, Entity):
    """An event of a customer."""

    object_type = "user-event"
    page = PAGE
    keeps_custom_fields = True
    key = ("source", "sourceId", "eventName")
    newest_by = ("eventAt",)
    person = {"phone": "phone", "email": "email", "customerId": "customerId"}

    source = Text(
        "The model the event is about, or the code of a custom model.",
        required=True,
        open_list=(
            "CustomerIdentity",
            "CustomerMembership",
            "CustomerRelationship",
            "Contact",
            "LeadInformation",
            "PurchaseHistory",
            "PurchaseOrder",
            "ShoppingCart",
            "OrderPayment",
        ),
        example="CustomerMembership",
        longest=LONGEST_KEY,
    )
    sourceId = Text(
        "The key of the record the event is about.", required=True, example="098685xxxx", longest=LONGEST_KEY
    )
    condition = Text(
        "Created makes one event for each sourceId, Changed one whenever eventAt changes.",
        choices=("Changed", "Created"),
    )
    channel = Text("Where it happened.", required=True, choices=("Online", "Offline", "None"))
    eventCtg = Text(
        "The category of the event.",
        required=True,
        choices=("CampaignBehaviour", "UserIdentity", "UserInteraction", "Transaction", "CustomerService", "Other"),
    )
    eventCtg2 = Text("The category in more detail.", example="Store")
    eventCtg3 = Text("The category in still more detail.", example="Counter")
    eventName = Text("The event's name.", required=True, example="purchased", longest=LONGEST_KEY)
    eventAt = Timestamp("When it happened.", required=True, example=1656825748000)
    value = Double("A number that goes with the event.", example=430)
    eventLabels = TextList("Labels of the event.", example=("type", "source: 123"))
    eventLabel2s = TextList("A second set of labels.", example=("link: http1",))
    eventLabel3s = TextList("A third set of labels.", example=("link: http1",))
    customerId = Text("The customer's key at the sender.", example="C09320932032", longest=LONGEST_KEY)
    email = EmailText("The customer's email.")
    phone = PhoneText("The customer's phone.")
    zaloOAId = Text("The id of the Zalo official account.", example="763845675567xxx")
    zaloUserId = Text("The user's id at Zalo.", example="5425775678654xxxxx")
    note = Text("A note.", example="a note")
    recordStatus = record_status()
