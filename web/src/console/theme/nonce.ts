import { setNonce } from "get-nonce";

const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";

// What locks the page's scrolling behind a dialog writes its style by itself and asks here.
setNonce(nonce);

/** What the server's policy wants to see on every style that is written into the page. */
export const readNonce = (): string => nonce;
