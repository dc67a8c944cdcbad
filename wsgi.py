"""The WSGI entry point for gunicorn and other servers, as `wsgi:app`; `provider serve` makes the same app."""

from provider.app import create_serving_app

app = create_serving_app()
