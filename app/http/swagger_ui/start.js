// Nothing is asked of another host: the default would have the document checked by one.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null, defaultModelsExpandDepth: 0 });
