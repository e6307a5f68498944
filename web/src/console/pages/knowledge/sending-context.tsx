import { useQueryClient } from "@tanstack/react-query";
import { createContext, use, useEffect, useReducer, useRef, type ReactNode } from "react";
import { useApi } from "../../api/api-context";
import { describeProblem } from "../../api/problems";
import { sendFile } from "./queries";
import { reduceSending, type Sending } from "./sending";
import type { FileFields } from "./types";
import { findFault } from "./upload-words";

interface Files {
  sendings: readonly Sending[];
  send(files: readonly File[], said: FileFields): void;
  dismiss(id: number): void;
}

const FilesContext = createContext<Files | null>(null);

/** Sends files one after the other, also while another part of the page is looked at. */
export function SendingProvider({ children }: { children: ReactNode }) {
  const api = useApi();
  const queries = useQueryClient();
  const [sendings, step] = useReducer(reduceSending, []);
  const lastId = useRef(0);
  const line = useRef(Promise.resolve());
  useWarning(sendings.some(({ state }) => state !== "refused"));

  async function sendOne(id: number, file: File, said: FileFields): Promise<void> {
    step({ kind: "started", id });
    try {
      await sendFile(api, file, said);
      await queries.invalidateQueries({ queryKey: ["knowledge", "uploads"] });
      step({ kind: "gone", id });
    } catch (error) {
      step({ kind: "refused", id, problem: describeProblem(error) });
    }
  }

  function send(files: readonly File[], said: FileFields): void {
    const chosen = files.map((file) => ({ id: ++lastId.current, file, problem: findFault(file) }));
    step({
      kind: "chosen",
      files: chosen.map(({ id, file, problem }) => {
        return { id, name: file.name, state: problem === null ? "waiting" : "refused", problem };
      }),
    });
    for (const { id, file, problem } of chosen) {
      if (problem === null) line.current = line.current.then(() => sendOne(id, file, said));
    }
  }

  return <FilesContext value={{ sendings, send, dismiss: (id) => step({ kind: "gone", id }) }}>{children}</FilesContext>;
}

export function useFiles(): Files {
  const files = use(FilesContext);
  if (!files) throw new Error("There is no SendingProvider around this.");
  return files;
}

/** Closing the tab would lose what is not sent yet. */
function useWarning(isSending: boolean): void {
  useEffect(() => {
    if (!isSending) return;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [isSending]);
}
