SwaggerUIBundle({url: "/docs/openapi.yaml", dom_id: "#page", deepLinking: true});
