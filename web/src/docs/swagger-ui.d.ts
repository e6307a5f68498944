/** Swagger UI's bundle brings no types; these are the options we set. */
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  interface Options {
    url: string;
    dom_id: string;
    tryItOutEnabled: boolean;
    persistAuthorization: boolean;
    validatorUrl: null;
  }

  export default function SwaggerUI(options: Options): void;
}
