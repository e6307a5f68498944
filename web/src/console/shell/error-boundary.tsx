import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { MessagePage } from "./messages";

/** What is left when a page breaks: everything around it, and a way on. A new `place` tries again. */
export class ErrorBoundary extends Component<{ place: string; children: ReactNode }, { brokenPlace: string | null }> {
  override state = { brokenPlace: null as string | null };

  static getDerivedStateFromError(): { brokenPlace: string } {
    return { brokenPlace: location.pathname };
  }

  override componentDidUpdate({ place }: { place: string }): void {
    if (place !== this.props.place && this.state.brokenPlace !== null) this.setState({ brokenPlace: null });
  }

  override render(): ReactNode {
    if (this.state.brokenPlace === null) return this.props.children;
    return (
      <MessagePage title="This page broke" text="That is our mistake. Reload it; if it breaks again, tell your admin.">
        <Button onClick={() => location.reload()}>Reload</Button>
      </MessagePage>
    );
  }
}
