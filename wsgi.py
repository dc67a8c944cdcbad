"""The WSGI entry point of a checkout, for gunicorn and others: `gunicorn wsgi:app`. `provider serve` does not need it."""

from provider.app import create_serving_app

app = create_serving_app()
