import pytest
from stripe import InvalidRequestError, StripeClient

from tests.sandbox.running import created


def test_a_customer_is_created_updated_listed_and_deleted(client: StripeClient) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com", "metadata": {"id": "7"}})
    updated = client.v1.customers.update(customer.id, {"name": "Ada", "email": "ada@example.org"})
    assert (updated.name, updated.email) == ("Ada", "ada@example.org")
    assert [entry.id for entry in client.v1.customers.list().data] == [customer.id]
    assert client.v1.customers.list({"email": "ada@example.com"}).data == []
    assert client.v1.customers.delete(customer.id).deleted
    assert client.v1.customers.retrieve(customer.id).deleted
    with pytest.raises(InvalidRequestError, match="No such customer"):
        client.v1.customers.update(customer.id, {"name": "Ada"})


def test_a_payment_intent_can_name_only_a_known_customer(client: StripeClient) -> None:
    customer = client.v1.customers.create()
    mine = created(client, customer=customer.id)
    created(client)
    assert [entry.id for entry in client.v1.payment_intents.list({"customer": customer.id}).data] == [mine.id]
    with pytest.raises(InvalidRequestError, match="No such customer: 'cus_missing'") as e:
        created(client, customer="cus_missing")
    assert (e.value.code, e.value.param) == ("resource_missing", "customer")


def test_a_payment_method_belongs_to_one_customer(client: StripeClient) -> None:
    first, second = client.v1.customers.create(), client.v1.customers.create()
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": first.id})
    assert [entry.id for entry in client.v1.payment_methods.list({"customer": first.id}).data] == [method.id]
    with pytest.raises(InvalidRequestError, match="already been attached"):
        client.v1.payment_methods.attach(method.id, {"customer": second.id})
    client.v1.payment_methods.detach(method.id)
    assert client.v1.payment_methods.retrieve(method.id).customer is None
