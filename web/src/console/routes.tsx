import { Center, Loader } from "@mantine/core";
import { Suspense } from "react";
import { Navigate, Route, Routes, useLocation } from "react-router";
import { useUser } from "./session/session-context";
import { ErrorBoundary } from "./shell/error-boundary";
import { NotFound } from "./shell/messages";
import { listSections } from "./shell/sections";

/** Which page stands at which address below /desk; each section has the addresses below its own to itself. */
export function ConsoleRoutes() {
  const sections = listSections(useUser());
  const { pathname } = useLocation();
  const first = sections[0];
  return (
    <ErrorBoundary place={pathname}>
      <Suspense fallback={<Waiting />}>
        <Routes>
          <Route index element={first ? <Navigate to={first.path} replace /> : <NotFound />} />
          {sections.map(({ path, Page }) => (
            <Route key={path} path={`${path}/*`} element={<Page />} />
          ))}
          <Route path="*" element={<NotFound />} />
        </Routes>
      </Suspense>
    </ErrorBoundary>
  );
}

function Waiting() {
  return (
    <Center mih="40vh">
      <Loader role="status" aria-label="Loading the page" />
    </Center>
  );
}
