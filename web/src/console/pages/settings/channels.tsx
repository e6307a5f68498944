import { InboxIcon } from "lucide-react";
import { Empty, LoadProblem, SkeletonRows } from "../../parts/states";
import { ChannelCard } from "./channel-card";
import { useChannels } from "./queries";
import styles from "./settings.module.css";

export function Channels() {
  const list = useChannels();
  if (list.isPending) return <SkeletonRows rows={3} height={132} />;
  if (!list.data) {
    return <LoadProblem title="The channels could not be loaded" error={list.error} retry={list.refetch} />;
  }
  if (list.data.channels.length === 0) {
    return (
      <Empty icon={InboxIcon} title="No channel is configured">
        <p>Channels are set up in the environment of the server; docs/channels says how, step by step.</p>
      </Empty>
    );
  }
  return (
    <ul className={styles.cards} aria-label="Channels">
      {list.data.channels.map((channel) => (
        <ChannelCard key={`${channel.channel}/${channel.inbox}`} channel={channel} />
      ))}
    </ul>
  );
}
