"""The WSGI entry point: `provider serve` runs it on granian; gunicorn and others take `wsgi:app` as well."""

from provider import create_app

app = create_app()
