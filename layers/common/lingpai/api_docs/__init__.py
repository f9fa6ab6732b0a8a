"""The description of the API for programs (`/openapi.json`) and for people (`/docs`), where `API_DOCS` is on."""
