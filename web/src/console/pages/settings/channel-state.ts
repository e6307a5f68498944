import type { Channel } from "./types";

export interface ChannelState {
  label: string;
  color: "green" | "red" | "yellow" | "gray";
  /** What to do about it; empty where all is well. */
  advice: string;
}

/** How an inbox is, in one word and in the order of what keeps customers waiting longest. */
export function describeChannel(channel: Channel): ChannelState {
  if (!channel.is_configured) {
    return { label: "Not configured", color: "gray", advice: "The server's environment does not name this inbox." };
  }
  if (!channel.enabled) {
    const advice = channel.channel === "web" ? "The form takes no new tickets." : "Its mail waits there until you open it.";
    return { label: "Closed", color: "gray", advice };
  }
  if (channel.read_problem) {
    return { label: "Cannot be read", color: "red", advice: "Customers write and nobody sees it. Mend this first." };
  }
  if (channel.send_problem) {
    return { label: "Cannot send", color: "red", advice: "Answers wait until it can send again." };
  }
  return { label: "Working", color: "green", advice: "" };
}
