import { Spotlight, type SpotlightActionGroupData } from "@mantine/spotlight";
import { SearchIcon } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { useUser } from "../session/session-context";
import { useCommands } from "./commands-context";
import type { Command } from "./commands";
import { Keys } from "./keyboard-help";
import { listSections } from "./sections";

/** Opens with ⌘K or Ctrl K, and finds every page, every action of the page on screen, and tickets by their words. */
export function Search() {
  const groups = Map.groupBy(useCommands(), ({ group }) => group);
  const [words, setWords] = useState("");
  const inTickets = useTicketSearch(words.trim());
  // What the page on screen offers stands first, and a stray Enter does not sign anybody out.
  const actions = [...groups].reverse().map(([group, commands]) => describeGroup(group, commands));
  return (
    <Spotlight
      actions={[...actions, ...inTickets]}
      query={words}
      onQueryChange={setWords}
      shortcut="mod + K"
      nothingFound="Nothing of that name. Try fewer words."
      highlightQuery
      scrollable
      maxHeight={420}
      scrollAreaProps={{ viewportProps: { tabIndex: 0 } }} // a longer list is scrolled by the keyboard, too
      attributes={{ content: { "aria-label": "Search" } }}
      searchProps={{
        placeholder: "Go to a page, do something, or find a ticket…",
        "aria-label": "Search pages, actions and tickets",
        leftSection: <SearchIcon size={18} aria-hidden />,
      }}
    />
  );
}

/** Where tickets are read at the desk, the words are looked for in them, too. */
function useTicketSearch(words: string): SpotlightActionGroupData[] {
  const navigate = useNavigate();
  const hasTickets = listSections(useUser()).some(({ path }) => path === "/tickets");
  if (!hasTickets || words === "") return [];
  const label = `Search tickets for “${words}”`;
  const search = (): void => void navigate(`/tickets?${new URLSearchParams({ q: words })}`);
  return [{ group: "Search", actions: [{ id: "search tickets", label, onClick: search }] }];
}

function describeGroup(group: string, commands: Command[]): SpotlightActionGroupData {
  return {
    group,
    actions: commands.map(({ label, run, key }) => ({
      id: `${group}/${label}`,
      label,
      onClick: run,
      rightSection: key === undefined ? null : <Keys keys={key} />,
    })),
  };
}
