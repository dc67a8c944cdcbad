"""Pango's entities by objectType: their pages as schemas."""

from provider.contract.entities.activity import (
    CustomerProductActivity,
    CustomerProductComment,
    CustomerProductReview,
    CustomerProductSubscriber,
    EmailInteraction,
    SmsInteraction,
)
from provider.contract.entities.custom import CustomModel
from provider.contract.entities.customer import (
    CustomerIdentity,
    CustomerIdentityAddress,
    CustomerIdentityEmail,
    CustomerIdentityPhoto,
    CustomerMembership,
    CustomerRelationship,
)
from provider.contract.entities.entity_type import Entity
from provider.contract.entities.event import UserEvent
from provider.contract.entities.lead import LeadInformation
from provider.contract.entities.meta import MetaFormMarketing, MetaSurvey
from provider.contract.entities.transaction import Order

__all__ = ["DOCUMENTED", "ENTITIES", "Entity"]

DOCUMENTED: dict[str, Entity] = {
    entity.object_type: entity
    for entity in (
        CustomerIdentity(),
        CustomerRelationship(),
        CustomerMembership(),
        CustomerIdentityAddress(),
        CustomerIdentityEmail(),
        CustomerIdentityPhoto(),
        CustomerProductActivity(),
        EmailInteraction(),
        SmsInteraction(),
        CustomerProductComment(),
        CustomerProductReview(),
        CustomerProductSubscriber(),
    )
}
"""The twelve entities whose pages we know completely; the provider database has a table for each."""

ENTITIES: dict[str, Entity] = DOCUMENTED | {
    entity.object_type: entity
    for entity in (Order(), LeadInformation(), UserEvent(), CustomModel(), MetaSurvey(), MetaFormMarketing())
}
"""All entities we know. Pango has more: records of other types are sent unchecked."""
