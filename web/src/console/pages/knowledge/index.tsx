import { Outlet, Route, Routes } from "react-router";
import { PageTabs } from "../../parts/page-tabs";
import { hasScope, useUser } from "../../session/session-context";
import { NotFound } from "../../shell/messages";
import { Page } from "../../shell/page";
import { ArticleList } from "./article-list";
import { ArticlePage } from "./article-page";
import { SearchTrial } from "./search-trial";
import { SendingProvider } from "./sending-context";
import { Uploads } from "./uploads";

export default function Knowledge() {
  const mayWrite = hasScope(useUser(), "knowledge:write");
  return (
    <SendingProvider>
      <Routes>
        <Route element={<Frame mayWrite={mayWrite} />}>
          <Route index element={<ArticleList />} />
          {mayWrite && <Route path="uploads" element={<Uploads />} />}
          <Route path="search" element={<SearchTrial />} />
        </Route>
        <Route path="articles/:id" element={<ArticlePage />} />
        <Route path="*" element={<NotFound />} />
      </Routes>
    </SendingProvider>
  );
}

function Frame({ mayWrite }: { mayWrite: boolean }) {
  const tabs = [
    { label: "Articles", path: "/knowledge", end: true },
    ...(mayWrite ? [{ label: "Upload", path: "/knowledge/uploads" }] : []),
    { label: "Try a question", path: "/knowledge/search" },
  ];
  return (
    <Page title="Knowledge">
      <PageTabs label="Parts of the page" tabs={tabs} />
      <Outlet />
    </Page>
  );
}
