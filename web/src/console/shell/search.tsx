import { Spotlight, type SpotlightActionGroupData } from "@mantine/spotlight";
import { SearchIcon } from "lucide-react";
import { useCommands } from "./commands-context";
import type { Command } from "./commands";
import { Keys } from "./keyboard-help";

/** Opens with ⌘K or Ctrl K, and finds every page and every action of the page on screen. */
export function Search() {
  const groups = Map.groupBy(useCommands(), ({ group }) => group);
  const actions = [...groups].map(([group, commands]) => describeGroup(group, commands));
  return (
    <Spotlight
      actions={actions}
      shortcut="mod + K"
      nothingFound="Nothing of that name. Try fewer words."
      highlightQuery
      scrollable
      maxHeight={420}
      scrollAreaProps={{ viewportProps: { tabIndex: 0 } }} // a longer list is scrolled by the keyboard, too
      attributes={{ content: { "aria-label": "Search" } }}
      searchProps={{
        placeholder: "Go to a page or do something…",
        "aria-label": "Search pages and actions",
        leftSection: <SearchIcon size={18} aria-hidden />,
      }}
    />
  );
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
