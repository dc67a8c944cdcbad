"""The tables of Pango's entities."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "48fb651cdbc9"
down_revision = "22b860c174ca"
branch_labels = None
depends_on = None

number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def exact(length: int) -> sa.String:
    return sa.String(length=length).with_variant(
        mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=length), "mysql", "mariadb"
    )


def upgrade() -> None:
    op.create_table(
        "provider_customer_identity",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customFieldTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldLongs", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldTimestamps", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldListTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customerId", exact(190), nullable=False),
        sa.Column("customerGroup", sa.Text(), nullable=True),
        sa.Column("identityNo", sa.Text(), nullable=True),
        sa.Column("passportNo", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("fullName", sa.Text(), nullable=True),
        sa.Column("firstName", sa.Text(), nullable=True),
        sa.Column("lastName", sa.Text(), nullable=True),
        sa.Column("middleName", sa.Text(), nullable=True),
        sa.Column("nickNames", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("gender", sa.Text(), nullable=True),
        sa.Column("dob", sa.BigInteger(), nullable=True),
        sa.Column("dob2", sa.Text(), nullable=True),
        sa.Column("yob", sa.Integer(), nullable=True),
        sa.Column("maritalStatus", sa.Text(), nullable=True),
        sa.Column("religious", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("ward", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("building", sa.Text(), nullable=True),
        sa.Column("buildingBlock", sa.Text(), nullable=True),
        sa.Column("apartmentCode", sa.Text(), nullable=True),
        sa.Column("zipCode", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("sourceChannel", sa.Text(), nullable=True),
        sa.Column("sourceName", sa.Text(), nullable=True),
        sa.Column("sourceNameLevel2", sa.Text(), nullable=True),
        sa.Column("storeId", sa.Text(), nullable=True),
        sa.Column("storeCity", sa.Text(), nullable=True),
        sa.Column("storeDistrict", sa.Text(), nullable=True),
        sa.Column("photos", sa.Text(), nullable=True),
        sa.Column("createdAt", sa.BigInteger(), nullable=True),
        sa.Column("createdBy", sa.Text(), nullable=True),
        sa.Column("updatedAt", sa.BigInteger(), nullable=True),
        sa.Column("updatedBy", sa.Text(), nullable=True),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("phone_key", exact(16), nullable=True),
        sa.Column("email_key", exact(254), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_customer_identity")),
        sa.UniqueConstraint("customerId", "internalCompanyId", name=op.f("uq_provider_customer_identity_customerId")),
    )
    with op.batch_alter_table("provider_customer_identity", schema=None) as batch_op:
        batch_op.create_index("ix_provider_customer_identity_email_key", ["email_key", "newest_at"], unique=False)
        batch_op.create_index("ix_provider_customer_identity_phone_key", ["phone_key", "newest_at"], unique=False)

    op.create_table(
        "provider_customer_identity_address",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customerId", exact(190), nullable=False),
        sa.Column("addressType", exact(190), nullable=False),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("countryAlphaCode2", sa.Text(), nullable=True),
        sa.Column("countryAlphaCode3", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("zipCode", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("ward", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("building", sa.Text(), nullable=True),
        sa.Column("buildingBlock", sa.Text(), nullable=True),
        sa.Column("apartmentCode", sa.Text(), nullable=True),
        sa.Column("startTime", sa.BigInteger(), nullable=True),
        sa.Column("endTime", sa.BigInteger(), nullable=True),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_customer_identity_address")),
        sa.UniqueConstraint(
            "customerId",
            "addressType",
            "internalCompanyId",
            name=op.f("uq_provider_customer_identity_address_customerId"),
        ),
    )
    op.create_table(
        "provider_customer_identity_email",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customerId", exact(190), nullable=False),
        sa.Column("email", exact(190), nullable=False),
        sa.Column("emailType", sa.Text(), nullable=True),
        sa.Column("primary", sa.Boolean(), nullable=True),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("email_key", exact(254), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_customer_identity_email")),
        sa.UniqueConstraint(
            "customerId", "email", "internalCompanyId", name=op.f("uq_provider_customer_identity_email_customerId")
        ),
    )
    with op.batch_alter_table("provider_customer_identity_email", schema=None) as batch_op:
        batch_op.create_index("ix_provider_customer_identity_email_email_key", ["email_key", "newest_at"], unique=False)

    op.create_table(
        "provider_customer_identity_photo",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customerId", exact(190), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("imageUrl", exact(500), nullable=False),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_customer_identity_photo")),
        sa.UniqueConstraint(
            "customerId", "imageUrl", "internalCompanyId", name=op.f("uq_provider_customer_identity_photo_customerId")
        ),
    )
    op.create_table(
        "provider_customer_membership",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customFieldTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldLongs", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldTimestamps", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldListTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customerId", exact(190), nullable=True),
        sa.Column("customerEmail", sa.Text(), nullable=True),
        sa.Column("customerPhone", sa.Text(), nullable=True),
        sa.Column("customerName", sa.Text(), nullable=True),
        sa.Column("membershipId", exact(190), nullable=False),
        sa.Column("membershipType", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("membershipIssuedAt", sa.BigInteger(), nullable=True),
        sa.Column("membershipUpdatedAt", sa.BigInteger(), nullable=True),
        sa.Column("earnPoint", sa.BigInteger(), nullable=True),
        sa.Column("loyaltyPoint", sa.BigInteger(), nullable=True),
        sa.Column("redeemPoint", sa.BigInteger(), nullable=True),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("phone_key", exact(16), nullable=True),
        sa.Column("email_key", exact(254), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_customer_membership")),
        sa.UniqueConstraint(
            "membershipId", "internalCompanyId", name=op.f("uq_provider_customer_membership_membershipId")
        ),
    )
    with op.batch_alter_table("provider_customer_membership", schema=None) as batch_op:
        batch_op.create_index("ix_provider_customer_membership_customerId", ["customerId", "newest_at"], unique=False)
        batch_op.create_index("ix_provider_customer_membership_email_key", ["email_key", "newest_at"], unique=False)
        batch_op.create_index("ix_provider_customer_membership_phone_key", ["phone_key", "newest_at"], unique=False)

    op.create_table(
        "provider_customer_product_activity",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customFieldTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldLongs", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldTimestamps", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldListTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("actionId", exact(190), nullable=False),
        sa.Column("action", sa.Text(), nullable=True),
        sa.Column("actionAt", sa.BigInteger(), nullable=True),
        sa.Column("actionStatus", sa.Text(), nullable=True),
        sa.Column("textResult", sa.Text(), nullable=True),
        sa.Column("boolResult", sa.Boolean(), nullable=True),
        sa.Column("longResult", sa.BigInteger(), nullable=True),
        sa.Column("doubleResult", sa.Double(), nullable=True),
        sa.Column("customerId", exact(190), nullable=True),
        sa.Column("customerName", sa.Text(), nullable=True),
        sa.Column("customerPhone", sa.Text(), nullable=True),
        sa.Column("customerEmail", sa.Text(), nullable=True),
        sa.Column("productSku", sa.Text(), nullable=True),
        sa.Column("productName", sa.Text(), nullable=True),
        sa.Column("productCategory", sa.Text(), nullable=True),
        sa.Column("productCategoryId", sa.Text(), nullable=True),
        sa.Column("productImageLink", sa.Text(), nullable=True),
        sa.Column("productLink", sa.Text(), nullable=True),
        sa.Column("price", sa.Double(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("phone_key", exact(16), nullable=True),
        sa.Column("email_key", exact(254), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_customer_product_activity")),
        sa.UniqueConstraint(
            "actionId", "internalCompanyId", name=op.f("uq_provider_customer_product_activity_actionId")
        ),
    )
    with op.batch_alter_table("provider_customer_product_activity", schema=None) as batch_op:
        batch_op.create_index(
            "ix_provider_customer_product_activity_customerId", ["customerId", "newest_at"], unique=False
        )
        batch_op.create_index(
            "ix_provider_customer_product_activity_email_key", ["email_key", "newest_at"], unique=False
        )
        batch_op.create_index(
            "ix_provider_customer_product_activity_phone_key", ["phone_key", "newest_at"], unique=False
        )

    op.create_table(
        "provider_customer_product_comment",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customFieldTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldLongs", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldTimestamps", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldListTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("commentedAt", sa.BigInteger(), nullable=True),
        sa.Column("commentId", exact(190), nullable=False),
        sa.Column("parentCommentId", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("ipAddress", sa.Text(), nullable=True),
        sa.Column("customerId", exact(190), nullable=True),
        sa.Column("customerName", sa.Text(), nullable=True),
        sa.Column("customerPhone", sa.Text(), nullable=True),
        sa.Column("customerEmail", sa.Text(), nullable=True),
        sa.Column("productSku", sa.Text(), nullable=True),
        sa.Column("productName", sa.Text(), nullable=True),
        sa.Column("productCategory", sa.Text(), nullable=True),
        sa.Column("productCategoryId", sa.Text(), nullable=True),
        sa.Column("productImageLink", sa.Text(), nullable=True),
        sa.Column("productLink", sa.Text(), nullable=True),
        sa.Column("productPrice", sa.Double(), nullable=True),
        sa.Column("productPrice4Sale", sa.Double(), nullable=True),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("phone_key", exact(16), nullable=True),
        sa.Column("email_key", exact(254), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_customer_product_comment")),
        sa.UniqueConstraint(
            "commentId", "internalCompanyId", name=op.f("uq_provider_customer_product_comment_commentId")
        ),
    )
    with op.batch_alter_table("provider_customer_product_comment", schema=None) as batch_op:
        batch_op.create_index(
            "ix_provider_customer_product_comment_customerId", ["customerId", "newest_at"], unique=False
        )
        batch_op.create_index(
            "ix_provider_customer_product_comment_email_key", ["email_key", "newest_at"], unique=False
        )
        batch_op.create_index(
            "ix_provider_customer_product_comment_phone_key", ["phone_key", "newest_at"], unique=False
        )

    op.create_table(
        "provider_customer_product_review",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customFieldTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldLongs", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldTimestamps", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldListTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reviewedAt", sa.BigInteger(), nullable=True),
        sa.Column("reviewId", exact(190), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("imageLinks", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("ipAddress", sa.Text(), nullable=True),
        sa.Column("customerId", exact(190), nullable=True),
        sa.Column("customerName", sa.Text(), nullable=True),
        sa.Column("customerPhone", sa.Text(), nullable=True),
        sa.Column("customerEmail", sa.Text(), nullable=True),
        sa.Column("productSku", sa.Text(), nullable=True),
        sa.Column("productName", sa.Text(), nullable=True),
        sa.Column("productCategory", sa.Text(), nullable=True),
        sa.Column("productCategoryId", sa.Text(), nullable=True),
        sa.Column("productImageLink", sa.Text(), nullable=True),
        sa.Column("productLink", sa.Text(), nullable=True),
        sa.Column("productPrice", sa.Double(), nullable=True),
        sa.Column("productPrice4Sale", sa.Double(), nullable=True),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("phone_key", exact(16), nullable=True),
        sa.Column("email_key", exact(254), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_customer_product_review")),
        sa.UniqueConstraint("reviewId", "internalCompanyId", name=op.f("uq_provider_customer_product_review_reviewId")),
    )
    with op.batch_alter_table("provider_customer_product_review", schema=None) as batch_op:
        batch_op.create_index(
            "ix_provider_customer_product_review_customerId", ["customerId", "newest_at"], unique=False
        )
        batch_op.create_index("ix_provider_customer_product_review_email_key", ["email_key", "newest_at"], unique=False)
        batch_op.create_index("ix_provider_customer_product_review_phone_key", ["phone_key", "newest_at"], unique=False)

    op.create_table(
        "provider_customer_product_subscriber",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customFieldTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldLongs", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldTimestamps", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldListTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("subscribeAt", sa.BigInteger(), nullable=True),
        sa.Column("subscribeId", exact(190), nullable=False),
        sa.Column("customerId", exact(190), nullable=True),
        sa.Column("customerName", sa.Text(), nullable=True),
        sa.Column("customerPhone", sa.Text(), nullable=True),
        sa.Column("customerEmail", sa.Text(), nullable=True),
        sa.Column("customerCountry", sa.Text(), nullable=True),
        sa.Column("customerCity", sa.Text(), nullable=True),
        sa.Column("customerDistrict", sa.Text(), nullable=True),
        sa.Column("customerAddress", sa.Text(), nullable=True),
        sa.Column("productId", sa.Text(), nullable=True),
        sa.Column("productSku", sa.Text(), nullable=True),
        sa.Column("productName", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("storeId", sa.Text(), nullable=True),
        sa.Column("storeName", sa.Text(), nullable=True),
        sa.Column("storeCity", sa.Text(), nullable=True),
        sa.Column("storeDistrict", sa.Text(), nullable=True),
        sa.Column("subscribeEmail", sa.Boolean(), nullable=True),
        sa.Column("subscribePhone", sa.Boolean(), nullable=True),
        sa.Column("sourceChannel", sa.Text(), nullable=True),
        sa.Column("sourceName", sa.Text(), nullable=True),
        sa.Column("sourceNameLevel2", sa.Text(), nullable=True),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("phone_key", exact(16), nullable=True),
        sa.Column("email_key", exact(254), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_customer_product_subscriber")),
        sa.UniqueConstraint(
            "subscribeId", "internalCompanyId", name=op.f("uq_provider_customer_product_subscriber_subscribeId")
        ),
    )
    with op.batch_alter_table("provider_customer_product_subscriber", schema=None) as batch_op:
        batch_op.create_index(
            "ix_provider_customer_product_subscriber_customerId", ["customerId", "newest_at"], unique=False
        )
        batch_op.create_index(
            "ix_provider_customer_product_subscriber_email_key", ["email_key", "newest_at"], unique=False
        )
        batch_op.create_index(
            "ix_provider_customer_product_subscriber_phone_key", ["phone_key", "newest_at"], unique=False
        )

    op.create_table(
        "provider_customer_relationship",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customFieldTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldLongs", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldTimestamps", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldListTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customerId", exact(190), nullable=True),
        sa.Column("customerEmail", sa.Text(), nullable=True),
        sa.Column("customerPhone", sa.Text(), nullable=True),
        sa.Column("relationshipId", exact(190), nullable=False),
        sa.Column("relationship", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("fullName", sa.Text(), nullable=True),
        sa.Column("firstName", sa.Text(), nullable=True),
        sa.Column("lastName", sa.Text(), nullable=True),
        sa.Column("dob", sa.BigInteger(), nullable=True),
        sa.Column("gender", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("createdAt", sa.BigInteger(), nullable=True),
        sa.Column("createdBy", sa.Text(), nullable=True),
        sa.Column("updatedAt", sa.BigInteger(), nullable=True),
        sa.Column("updatedBy", sa.Text(), nullable=True),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("phone_key", exact(16), nullable=True),
        sa.Column("email_key", exact(254), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_customer_relationship")),
        sa.UniqueConstraint(
            "relationshipId", "internalCompanyId", name=op.f("uq_provider_customer_relationship_relationshipId")
        ),
    )
    with op.batch_alter_table("provider_customer_relationship", schema=None) as batch_op:
        batch_op.create_index("ix_provider_customer_relationship_customerId", ["customerId", "newest_at"], unique=False)
        batch_op.create_index("ix_provider_customer_relationship_email_key", ["email_key", "newest_at"], unique=False)
        batch_op.create_index("ix_provider_customer_relationship_phone_key", ["phone_key", "newest_at"], unique=False)

    op.create_table(
        "provider_email_interaction",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customFieldTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldLongs", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldTimestamps", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldListTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("id", exact(190), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("serviceProvider", sa.Text(), nullable=True),
        sa.Column("eventAt", sa.BigInteger(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("actionAt", sa.BigInteger(), nullable=True),
        sa.Column("trackId", sa.Text(), nullable=True),
        sa.Column("gaTid", sa.Text(), nullable=True),
        sa.Column("gaCid", sa.Text(), nullable=True),
        sa.Column("o2oCid", sa.Text(), nullable=True),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("link2", sa.Text(), nullable=True),
        sa.Column("messageId", sa.Text(), nullable=True),
        sa.Column("templateId", sa.Text(), nullable=True),
        sa.Column("templateName", sa.Text(), nullable=True),
        sa.Column("campaignId", sa.Text(), nullable=True),
        sa.Column("campaignName", sa.Text(), nullable=True),
        sa.Column("webhookId", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("email_key", exact(254), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_email_interaction")),
        sa.UniqueConstraint("id", "internalCompanyId", name=op.f("uq_provider_email_interaction_id")),
    )
    with op.batch_alter_table("provider_email_interaction", schema=None) as batch_op:
        batch_op.create_index("ix_provider_email_interaction_email_key", ["email_key", "newest_at"], unique=False)

    op.create_table(
        "provider_sms_interaction",
        sa.Column("row_id", number, nullable=False),
        sa.Column("timezoneGmt", sa.Integer(), nullable=True),
        sa.Column("systemName", sa.Text(), nullable=True),
        sa.Column("internalCompanyId", exact(64), nullable=False),
        sa.Column("customFieldTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldLongs", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldTimestamps", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("customFieldListTexts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("id", exact(190), nullable=False),
        sa.Column("phoneNumber", sa.Text(), nullable=True),
        sa.Column("serviceProvider", sa.Text(), nullable=True),
        sa.Column("eventAt", sa.BigInteger(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("trackId", sa.Text(), nullable=True),
        sa.Column("gaTid", sa.Text(), nullable=True),
        sa.Column("gaCid", sa.Text(), nullable=True),
        sa.Column("o2oCid", sa.Text(), nullable=True),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("link2", sa.Text(), nullable=True),
        sa.Column("messageId", sa.Text(), nullable=True),
        sa.Column("templateId", sa.Text(), nullable=True),
        sa.Column("templateName", sa.Text(), nullable=True),
        sa.Column("campaignId", sa.Text(), nullable=True),
        sa.Column("campaignName", sa.Text(), nullable=True),
        sa.Column("webhookId", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("actionAt", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("recordStatus", sa.Text(), nullable=True),
        sa.Column("unlisted", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("phone_key", exact(16), nullable=True),
        sa.Column("newest_at", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_provider_sms_interaction")),
        sa.UniqueConstraint("id", "internalCompanyId", name=op.f("uq_provider_sms_interaction_id")),
    )
    with op.batch_alter_table("provider_sms_interaction", schema=None) as batch_op:
        batch_op.create_index("ix_provider_sms_interaction_phone_key", ["phone_key", "newest_at"], unique=False)


def downgrade() -> None:
    op.drop_table("provider_sms_interaction")
    op.drop_table("provider_email_interaction")
    op.drop_table("provider_customer_relationship")
    op.drop_table("provider_customer_product_subscriber")
    op.drop_table("provider_customer_product_review")
    op.drop_table("provider_customer_product_comment")
    op.drop_table("provider_customer_product_activity")
    op.drop_table("provider_customer_membership")
    op.drop_table("provider_customer_identity_photo")
    op.drop_table("provider_customer_identity_email")
    op.drop_table("provider_customer_identity_address")
    op.drop_table("provider_customer_identity")
