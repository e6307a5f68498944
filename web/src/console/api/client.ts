import createClient from "openapi-fetch";
import type { paths } from "../../generated/api";
import type { SendRequest } from "../session/session";

export type Api = ReturnType<typeof createApi>;

/** Every route of the API with its types. Whatever is not a success is thrown as an ApiError by `send`. */
export function createApi(send: SendRequest, origin: string) {
  return createClient<paths>({ baseUrl: origin, fetch: send });
}

/** What a call answered: `await read(api.GET("/health"))`. */
export async function read<Data>(call: Promise<{ data?: Data }>): Promise<Data> {
  return (await call).data as Data;
}
