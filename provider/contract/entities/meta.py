"""Pango's page "Meta Data": surveys and forms."""

from provider.contract.entities.entity_type import CompanySender, OpenSchema, WithCustomFields, record_status
from provider.contract.entities.fields import LONGEST_KEY, Parts, Text, Timestamp

PAGE = "Meta Data"


class MetaSurveyQuestion(OpenSchema):
    """A question of a survey."""

    questionId = Text("The question's key.", required=True, example="this_is_question_1")
    langDef = Text("The language the question is in by default.", required=True, example="vi")
    lang1 = Text("The question in a first language.", example="Bạn có hài lòng không?")
    lang2 = Text("The question in a second language.", example="Are you happy?")
    lang3 = Text("The question in a third language.", example="Êtes-vous content ?")
    lang4 = Text("The question in a fourth language.", example="满意吗")
    lang5 = Text("The question in a fifth language.", example="満足ですか")


class MetaSurvey(WithCustomFields, CompanySender):
    """A survey: what it asks."""

    object_type = "meta-survey"
    page = PAGE
    key = ("surveyId",)
    newest_by = ("updatedAt", "createdAt")

    surveyId = Text("The survey's key.", required=True, example="SV01", longest=LONGEST_KEY)
    surveyName = Text("The survey's name.", example="Survey 1")
    note = Text("A note.", example="a note")
    createdAt = Timestamp("When the sender created the record.")
    createdBy = Text("Who created the record.", example="user01")
    updatedAt = Timestamp("When the sender last changed the record.")
    updatedBy = Text("Who last changed the record.", example="user02")
    recordStatus = record_status()
    questions = Parts(
        MetaSurveyQuestion,
        "The questions, each under a key of the sender's.",
        by_key=True,
        example={"question1": {"questionId": "question1", "langDef": "vi", "lang1": "Bạn có hài lòng không?"}},
    )


class MetaFormMarketing(WithCustomFields, CompanySender):
    """A form that gathers contacts."""

    object_type = "meta-form-marketing"
    page = PAGE
    known_in_part = "A further table of the page is missing."
    key = ("formId",)
    newest_by = ("updatedAt", "createdAt")

    formId = Text("The form's key.", required=True, example="F01", longest=LONGEST_KEY)
    provider = Text("The company behind the form.", required=True, example="Brevo")
    name = Text("The form's name.", required=True, example="sign-up")
    createdAt = Timestamp("When the sender created the record.")
    createdBy = Text("Who created the record.", example="user01")
    updatedAt = Timestamp("When the sender last changed the record.")
    updatedBy = Text("Who last changed the record.", example="user02")
    recordStatus = record_status()
