"""The WSGI entry point: `provider serve` runs it on granian; gunicorn and others take `wsgi:app` as well."""

from provider import create_app

app = create_app()
app.extensions["worker"].start()  # handles webhooks; here, since every process that serves loads this file
