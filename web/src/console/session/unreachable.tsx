import { Button, Text, Title } from "@mantine/core";
import { useSession } from "./session-context";

/** Before anybody is known: the server does not answer, and is asked again by itself. */
export function Unreachable() {
  const session = useSession();
  return (
    <main className="sign-in">
      <div className="sign-in__card" role="status">
        <Title order={1}>The desk cannot be reached</Title>
        <Text c="dimmed" my="md">
          Check your connection. We keep trying, and this page opens by itself as soon as the desk answers.
        </Text>
        <Button variant="default" onClick={() => void session.start()}>
          Try now
        </Button>
      </div>
    </main>
  );
}
