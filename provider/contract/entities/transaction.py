"""Pango's page "Transaction": orders."""

from provider.contract.entities.entity_type import CompanySender, OpenSchema, WithCustomFields, record_status
from provider.contract.entities.fields import LONGEST_KEY, Double, EmailText, Integer, Parts, PhoneText, Text, Timestamp

PAGE = "Transaction"


class OrderItem(WithCustomFields, OpenSchema):
    """A line of an order."""

    productSku = Text("The product's stock keeping unit.", required=True, example="SKU001")
    productName = Text("The product's name.", required=True, example="Coffee Bee")
    price = Double("The list price.", example=50000)
    price4Sale = Double("The price it was sold at.", example=45000)
    imageLink = Text("The address of the product's picture.", example="https://example.com/coffee.png")
    productLink = Text("The address of the product's page.", example="https://example.com/coffee")
    quantity = Integer("How many were sold.", example=2)
    unit = Text("What one piece is.", example="Package")
    discount = Double("What is taken off.", example=35000)
    discountPercent = Double("What is taken off, in percent.", example=8.2)


class Order(WithCustomFields, CompanySender):
    """An order."""

    object_type = "order"
    page = PAGE
    known_in_part = "The page's table of order lines ends in the middle, and later tables of the page are missing."
    key = ("orderId",)
    newest_by = ("updatedAt", "orderDate", "createdAt")
    person = {"phone": "customerPhone", "email": "customerEmail", "customerId": "customerId"}

    orderId = Text("The order's key.", required=True, example="ORDER00001", longest=LONGEST_KEY)
    orderStatus = Text("How far the order has come.", required=True, example="PaymentAbandoment")
    orderDate = Timestamp("When the order was made.", example=1584483275000)
    customerId = Text("The customer's key at the sender.", required=True, example="CUS010012212", longest=LONGEST_KEY)
    customerName = Text("The customer's name.", required=True, example="John")
    customerEmail = EmailText("The customer's email.", required=True)
    customerPhone = PhoneText("The customer's phone.")
    createdBy = Text("Who created the record.", example="user1")
    createdAt = Timestamp("When the sender created the record.", example=1584483275000)
    updatedBy = Text("Who last changed the record.", example="user1")
    updatedAt = Timestamp("When the sender last changed the record.", example=1584483275000)
    deliveryMethod = Text("How it is delivered.", example="courier")
    deliveryDate = Timestamp("When it is delivered.", example=1584483275000)
    deliveryStatus = Text("How far the delivery has come.", example="sent")
    shippingCost = Double("What the delivery costs.", example=35000)
    paymentMethod = Text("How it is paid.", example="cash")
    paymentStatus = Text("How far the payment has come.", example="paid")
    vatCost = Double("The value added tax.", example=25000)
    vatPercent = Double("The rate of the value added tax, in percent.", example=10)
    discount = Double("What is taken off.", example=58000)
    discountPercent = Double("What is taken off, in percent.", example=8.2)
    totalProductCost = Double("What the products cost together.", example=530000)
    totalCost = Double("The total before what is taken off.", example=560000)
    totalCostWithVat = Double("The total with value added tax.", example=616000)
    recordStatus = record_status()
    items = Parts(
        OrderItem,
        "The lines of the order.",
        example=[{"productSku": "SKU001", "productName": "Coffee Bee", "quantity": 2}],
    )
