// Shows the OpenAPI document that this server serves.
SwaggerUIBundle({
  url: document.getElementById("api").dataset.url,
  dom_id: "#api",
  deepLinking: true,
  // The document is checked by our tests; the hosted validator would tell another server about this one.
  validatorUrl: null,
});
