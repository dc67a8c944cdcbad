"""Pango's page "Custom Model": records of models an organisation made for itself."""

from provider.contract.entities.entity_type import Sender, WithCustomFields, record_status
from provider.contract.entities.fields import LONGEST_KEY, EmailText, PhoneText, Text, TextList, Timestamp

PAGE = "Custom Model"


class CustomModel(WithCustomFields, Sender):
    """A record of a model that an organisation made for itself."""

    object_type = "custom-model"
    page = PAGE
    known_in_part = "The page's last row, recordStatus, was seen in part."
    keeps_custom_fields = True
    key = ("momCode", "refId")
    newest_by = ("updatedAt", "createdAt")
    person = {"phone": "phone", "email": "email", "customerId": "customerId"}

    momCode = Text(
        "The code of the model at Pango that the record belongs to.",
        required=True,
        example="M-T5QMS-O-UIWWY-M",
        longest=LONGEST_KEY,
    )
    refId = Text(
        "The record's key at the sender, by which a callback names it.",
        required=True,
        example="R0001",
        longest=LONGEST_KEY,
    )
    customerId = Text("The customer's key at the sender.", example="C09320932032", longest=LONGEST_KEY)
    email = EmailText("The customer's email.")
    phone = PhoneText("The customer's phone.")
    leadId = Text("The lead's key.", example="Lead01")
    deviceId = Text("The device's key.", example="D01")
    eventCtg = Text("The category of the event.", example="Ecommerce")
    event = Text("The event's name.", example="AddToCart")
    eventLabel = Text("The event in more detail.", example="green tea")
    ggCid = Text("The client id of Google.", example="12252636xxxx.55232265xxx")
    ggTid = Text("The tracking id of Google Analytics.", example="UA-0934xxxxxx")
    fbPid = Text("The id of the Facebook pixel.", example="2686938073xxxx")
    fbCId = Text("The client id of the Facebook pixel.", example="fb.2.16xx22.2xx49384")
    zoOAId = Text("The id of the Zalo official account.", example="4446199182319379222")
    zoUId = Text("The user's id at Zalo.", example="8567445237543317591")
    zoUAId = Text("The user's id in a Zalo app.", example="6730998452418537179")
    cookieGroup01 = Text("Whose cookie the first one is.", example="vendor")
    cookie01 = Text("A cookie.", example="c1")
    cookieGroup02 = Text("Whose cookie the second one is.", example="vendor")
    cookie02 = Text("A second cookie.", example="c2")
    cookieGroup03 = Text("Whose cookie the third one is.", example="vendor")
    cookie03 = Text("A third cookie.", example="c3")
    tags = TextList("Labels.")
    createdAt = Timestamp("When the sender created the record.", example=1584483275000)
    createdBy = Text("Who created the record.", example="user01")
    updatedAt = Timestamp("When the sender last changed the record.", example=1584483275000)
    updatedBy = Text("Who last changed the record.", example="user02")
    recordStatus = record_status()
