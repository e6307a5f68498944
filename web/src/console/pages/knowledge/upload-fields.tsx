import { SegmentedControl, Switch, Text, TextInput } from "@mantine/core";
import { AUDIENCE_LABELS } from "./labels";
import type { Audience, FileFields } from "./types";
import styles from "./uploads.module.css";

const AUDIENCES: { value: Audience | "as-said"; label: string }[] = [
  { value: "as-said", label: "As in the file" },
  { value: "public", label: AUDIENCE_LABELS.public },
  { value: "internal", label: AUDIENCE_LABELS.internal },
];

interface UploadFieldsProps {
  said: FileFields;
  say(said: FileFields): void;
  isReplacing: boolean;
}

/** What goes along with every file that is sent next. */
export function UploadFields({ said, say, isReplacing }: UploadFieldsProps) {
  return (
    <div className={styles.fields}>
      <TextInput
        label="Category"
        description={isReplacing ? "Empty: the article's stays" : "Empty: as the file says"}
        placeholder="Such as billing"
        maxLength={80}
        value={said.category ?? ""}
        onChange={({ currentTarget: { value } }) => say(write(said, "category", value === "" ? undefined : value))}
      />
      <div>
        <Text size="sm" fw={600} mb={4} id="who-may-read">
          Who may read it
        </Text>
        <SegmentedControl
          fullWidth
          size="xs"
          aria-labelledby="who-may-read"
          data={AUDIENCES}
          value={said.audience ?? "as-said"}
          onChange={(value) => say(write(said, "audience", value === "as-said" ? undefined : value))}
        />
      </div>
      <Switch
        label="Only as a draft"
        description="The desk reads it once it is published"
        checked={said.is_draft ?? false}
        onChange={({ currentTarget: { checked } }) => say(write(said, "is_draft", checked || undefined))}
      />
    </div>
  );
}

function write<Name extends keyof FileFields>(said: FileFields, name: Name, value: FileFields[Name]): FileFields {
  const { [name]: _before, ...others } = said;
  return value === undefined ? others : { ...others, [name]: value };
}
