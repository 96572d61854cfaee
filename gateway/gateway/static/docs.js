"use strict";

window.addEventListener("DOMContentLoaded", () => {
  window.SwaggerUIBundle({
    url: "/api/openapi.json",
    dom_id: "#document",
    deepLinking: true,
    validatorUrl: null,
  });
});
