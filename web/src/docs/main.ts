import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

/** Swagger UI's dark colours hang on a class, ours on the media query: the class follows the query. */
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const followColours = (): void => void document.documentElement.classList.toggle("dark-mode", prefersDark.matches);
followColours();
prefersDark.addEventListener("change", followColours);

SwaggerUI({
  url: "/openapi.json",
  dom_id: "#api",
  tryItOutEnabled: true,
  // A key that was typed here is forgotten with the page.
  persistAuthorization: false,
  // Without this, a public address would send the document to a validator on another host.
  validatorUrl: null,
});
