import { Alert, Badge, Button, Switch, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { SendIcon } from "lucide-react";
import { describeMoment } from "../../../shared/time";
import { describeProblem } from "../../api/problems";
import { Age } from "../../parts/age";
import panel from "../../parts/panel.module.css";
import { describeChannel } from "./channel-state";
import { CHANNEL_LABELS } from "./labels";
import { QuietSeconds } from "./quiet-seconds";
import { useChannelChange } from "./queries";
import styles from "./settings.module.css";
import { TestDialog } from "./test-dialog";
import type { Channel, ChannelChange } from "./types";

export function ChannelCard({ channel }: { channel: Channel }) {
  const changing = useChannelChange(channel);
  const [isTesting, testing] = useDisclosure();
  const state = describeChannel(channel);
  const name = CHANNEL_LABELS[channel.channel];
  const change = (parts: ChannelChange): void =>
    changing.mutate(parts, {
      onError: (error) =>
        notifications.show({ color: "red", title: `${name} was not changed`, message: describeProblem(error) }),
    });
  return (
    <li className={panel.padded}>
      <div className={styles.cardHead}>
        <div className={styles.grow}>
          <Title order={2} size="h4">
            {name}
          </Title>
          {channel.channel !== "web" && (
            <Text size="sm" c="dimmed" truncate title={channel.inbox}>
              {channel.inbox}
            </Text>
          )}
        </div>
        <Badge color={state.color} variant="light">
          {state.label}
        </Badge>
        {channel.channel !== "whatsapp" && (
          <Switch
            aria-label={`${name} ${channel.inbox} is open`}
            checked={channel.enabled}
            onChange={({ currentTarget }) => change({ enabled: currentTarget.checked })}
          />
        )}
      </div>
      {state.advice !== "" && (
        <Text size="sm" c={state.color === "red" ? "red" : "dimmed"} mt="xs">
          {state.advice}
        </Text>
      )}
      <Problem what="Reading" problem={channel.read_problem} since={channel.read_problem_since} />
      <Problem what="Sending" problem={channel.send_problem} since={channel.send_problem_since} />
      <div className={styles.cardFoot}>
        <Facts channel={channel} />
        <QuietSeconds channel={channel} change={change} />
        <Button
          variant="default"
          size="sm"
          disabled={!channel.is_configured}
          leftSection={<SendIcon size={14} aria-hidden />}
          onClick={testing.open}
        >
          Send a test message
        </Button>
      </div>
      {isTesting && <TestDialog channel={channel} close={testing.close} />}
    </li>
  );
}

type Maybe = string | null | undefined;

function Problem({ what, problem, since }: { what: string; problem: Maybe; since: Maybe }) {
  if (!problem) return null;
  return (
    <Alert color="red" mt="sm" title={`${what} fails`}>
      {problem}
      {since && (
        <Text size="xs" c="dimmed" mt={4}>
          First seen <Age at={since} />
        </Text>
      )}
    </Alert>
  );
}

function Facts({ channel }: { channel: Channel }) {
  if (channel.channel === "web") return <Note>The form on your website, and its ticket pages</Note>;
  if (channel.channel === "whatsapp") return <Note>Messages are pushed as they come</Note>;
  return (
    <dl className={panel.facts}>
      <dt>Last read</dt>
      <dd>{channel.synced_at ? <Age at={channel.synced_at} /> : "Not yet"}</dd>
      <dt>To be fetched</dt>
      <dd>{channel.waiting.toLocaleString("en")}</dd>
      {channel.watch_until && (
        <>
          <dt>Pushed until</dt>
          <dd>{describeMoment(channel.watch_until)}</dd>
        </>
      )}
    </dl>
  );
}

function Note({ children }: { children: string }) {
  return (
    <Text size="sm" c="dimmed">
      {children}
    </Text>
  );
}
