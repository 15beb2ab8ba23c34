"""The addresses of the web interface: Debian's, and our own."""

from django.urls import path
from urls import urlpatterns as debians

from listkit.web import status_page

urlpatterns = [path("status/", status_page.details), *debians]
