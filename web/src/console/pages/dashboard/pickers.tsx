import { Button, Checkbox, Group, Popover, SegmentedControl, Stack, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { CalendarIcon, ChevronDownIcon } from "lucide-react";
import { useState, type FormEvent } from "react";
import { CHANNEL_LABELS } from "../../../shared/labels";
import classes from "./dashboard.module.css";
import { CHANNELS, checkDays, describeSpan, isPeriod, PERIODS, type Days, type View } from "./view";

interface PickersProps {
  view: View;
  onChange(view: View): void;
}

/** Which time and which channels are looked at. */
export function Pickers({ view, onChange }: PickersProps) {
  const { span } = view;
  return (
    <Group gap="xs" className={classes.pickers}>
      <SegmentedControl
        size="xs"
        withItemsBorders={false}
        aria-label="Period"
        value={typeof span === "string" ? span : ""}
        onChange={(value) => isPeriod(value) && onChange({ ...view, span: value })}
        data={Object.keys(PERIODS).map((period) => ({ value: period, label: period.replace(/(\d+)/, "$1 ") }))}
      />
      <DaysPicker span={span} onChoose={(days) => onChange({ ...view, span: days })} />
      <ChannelPicker view={view} onChange={onChange} />
    </Group>
  );
}

function DaysPicker({ span, onChoose }: { span: View["span"]; onChoose(days: Days): void }) {
  const [isOpen, popover] = useDisclosure();
  const isChosen = typeof span !== "string";
  return (
    <Popover opened={isOpen} onChange={(opened) => !opened && popover.close()} trapFocus withArrow shadow="md">
      <Popover.Target>
        <Button
          size="xs"
          variant={isChosen ? "light" : "default"}
          leftSection={<CalendarIcon size={14} aria-hidden />}
          onClick={popover.toggle}
        >
          {isChosen ? describeSpan(span) : "Dates"}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <DaysForm
          initial={isChosen ? span : { from: "", to: "" }}
          onSubmit={(days) => {
            popover.close();
            onChoose(days);
          }}
        />
      </Popover.Dropdown>
    </Popover>
  );
}

function DaysForm({ initial, onSubmit }: { initial: Days; onSubmit(days: Days): void }) {
  const [days, setDays] = useState(initial);
  const [problem, setProblem] = useState<string | null>(null);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const found = checkDays(days);
    setProblem(found);
    if (found === null) onSubmit(days);
  };
  const change = (part: Partial<Days>): void => setDays((before) => ({ ...before, ...part }));
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="xs">
        <TextInput
          type="date"
          label="First day"
          value={days.from}
          onChange={(event) => change({ from: event.currentTarget.value })}
        />
        <TextInput
          type="date"
          label="Last day"
          value={days.to}
          error={problem}
          onChange={(event) => change({ to: event.currentTarget.value })}
        />
        <Button type="submit" size="xs">
          Show these days
        </Button>
      </Stack>
    </form>
  );
}

function ChannelPicker({ view, onChange }: PickersProps) {
  const [isOpen, popover] = useDisclosure();
  const { channels } = view;
  return (
    <Popover opened={isOpen} onChange={(opened) => !opened && popover.close()} trapFocus withArrow shadow="md">
      <Popover.Target>
        <Button
          size="xs"
          variant={channels.length > 0 ? "light" : "default"}
          rightSection={<ChevronDownIcon size={14} aria-hidden />}
          onClick={popover.toggle}
        >
          {channels.length === 0 ? "All channels" : channels.map((name) => CHANNEL_LABELS[name]).join(", ")}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Checkbox.Group
          label="Channels"
          value={channels}
          onChange={(chosen) => onChange({ ...view, channels: chosen })}
        >
          <Stack gap="xs" mt="xs">
            {CHANNELS.map((name) => (
              <Checkbox key={name} value={name} label={CHANNEL_LABELS[name]} />
            ))}
          </Stack>
        </Checkbox.Group>
        <Button
          size="xs"
          mt="sm"
          fullWidth
          variant="default"
          disabled={channels.length === 0}
          onClick={() => onChange({ ...view, channels: [] })}
        >
          Show all
        </Button>
      </Popover.Dropdown>
    </Popover>
  );
}
