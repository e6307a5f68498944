import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "@mantine/spotlight/styles.css";
import "./theme/console.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { browserClock } from "../shared/clock";
import { find } from "../shared/dom";
import { createApi } from "./api/client";
import { createQueryClient } from "./api/query-client";
import { App } from "./app";
import { Session } from "./session/session";
import { openTabs } from "./session/tabs";

const session = new Session({
  send: (request) => fetch(request),
  tabs: openTabs(),
  clock: browserClock,
  origin: location.origin,
});
void session.start();

createRoot(find("#root", HTMLElement)).render(
  <StrictMode>
    <App session={session} api={createApi(session.send, location.origin)} queries={createQueryClient()} />
  </StrictMode>,
);
