"""Modules that several packages of listkit use. None of them imports from another package of listkit."""
