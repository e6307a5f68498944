import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { MessagePage } from "./messages";

interface Broken {
  /** Whether the page never came, which happens when the desk is away and when it was updated meanwhile. */
  isMissing: boolean;
}

/** What is left when a page breaks: everything around it, and a way on. A new `place` tries again. */
export class ErrorBoundary extends Component<{ place: string; children: ReactNode }, { broken: Broken | null }> {
  override state = { broken: null as Broken | null };

  static getDerivedStateFromError(error: unknown): { broken: Broken } {
    return { broken: { isMissing: isMissing(error) } };
  }

  override componentDidUpdate({ place }: { place: string }): void {
    if (place !== this.props.place && this.state.broken !== null) this.setState({ broken: null });
  }

  override render(): ReactNode {
    if (this.state.broken === null) return this.props.children;
    const { title, text } = this.state.broken.isMissing ? MISSING : BROKEN;
    return (
      <MessagePage title={title} text={text}>
        <Button onClick={() => location.reload()}>Reload</Button>
      </MessagePage>
    );
  }
}

const BROKEN = {
  title: "This page broke",
  text: "That is our mistake. Reload it; if it breaks again, tell your admin.",
};
const MISSING = {
  title: "This page could not be loaded",
  text: "The desk cannot be reached, or was updated since you opened it. Reload as soon as it answers again.",
};

/** Each browser has its own words for a script that did not come; the first are Vite's, for a style sheet. */
export function isMissing(error: unknown): boolean {
  const words = /preload CSS|dynamically imported module|importing a module script failed/i;
  return error instanceof Error && words.test(error.message);
}
