import { Center, Loader, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider, type QueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { BrowserRouter } from "react-router";
import { ApiProvider } from "./api/api-context";
import type { Api } from "./api/client";
import { LiveProvider } from "./live/live-context";
import { ConsoleRoutes } from "./routes";
import type { Session } from "./session/session";
import { SessionProvider, UserProvider, useSessionState } from "./session/session-context";
import { SignIn } from "./session/sign-in";
import { Unreachable } from "./session/unreachable";
import { CommandsProvider } from "./shell/commands-context";
import { Shell } from "./shell/shell";
import { readNonce } from "./theme/nonce";
import { resolveVariables, theme } from "./theme/theme";

interface AppProps {
  session: Session;
  api: Api;
  queries: QueryClient;
}

export function App({ session, api, queries }: AppProps) {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={resolveVariables}
      defaultColorScheme="auto"
      getStyleNonce={readNonce}
    >
      <QueryClientProvider client={queries}>
        <SessionProvider session={session}>
          <ApiProvider api={api}>
            <BrowserRouter basename="/desk">
              <Console queries={queries} />
            </BrowserRouter>
          </ApiProvider>
        </SessionProvider>
      </QueryClientProvider>
      <Notifications position="bottom-right" />
    </MantineProvider>
  );
}

function Console({ queries }: { queries: QueryClient }) {
  const state = useSessionState();
  const isSignedOut = state.kind === "signed-out";
  // Whoever signs in next must not see what the one before was shown.
  useEffect(() => {
    if (isSignedOut) queries.clear();
  }, [isSignedOut, queries]);
  switch (state.kind) {
    case "starting":
      return (
        <Center mih="100vh">
          <Loader role="status" aria-label="Opening the console" />
        </Center>
      );
    case "unreachable":
      return <Unreachable />;
    case "signed-out":
      return <SignIn hasEnded={state.hasEnded} />;
    case "signed-in":
      return (
        <UserProvider user={state.user}>
          <LiveProvider>
            <CommandsProvider>
              <Shell>
                <ConsoleRoutes />
              </Shell>
            </CommandsProvider>
          </LiveProvider>
        </UserProvider>
      );
  }
}
