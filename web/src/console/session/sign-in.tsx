import { Alert, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useRef, useState, type FormEvent } from "react";
import mark from "../../images/mark.svg";
import { describeSignInProblem } from "../api/problems";
import { useSession } from "./session-context";

/** Stands in the place of whatever page was asked for, which is there again once somebody has signed in. */
export function SignIn({ hasEnded }: { hasEnded: boolean }) {
  useDocumentTitle("Sign in · Nightdesk");
  const { problem, isSending, submit } = useSignIn();
  return (
    <main className="sign-in">
      <Paper className="sign-in__card" withBorder shadow="sm" p="xl" radius="xl">
        <img src={mark} alt="" width={40} height={40} />
        <Title order={1} mt="md">
          Sign in to Nightdesk
        </Title>
        <Text c="dimmed" size="sm" mb="lg">
          {hasEnded ? "Your session has ended. Sign in to go on where you were." : "For the people at the desk, and for customers with an account."}
        </Text>
        <form onSubmit={submit}>
          <Stack gap="md">
            {problem !== null && <Alert color="red">{problem}</Alert>}
            <TextInput label="Email" name="email" type="email" autoComplete="username" required withAsterisk={false} autoFocus />
            <PasswordInput label="Password" name="password" autoComplete="current-password" required withAsterisk={false} />
            <Button type="submit" loading={isSending} fullWidth>
              Sign in
            </Button>
          </Stack>
        </form>
      </Paper>
    </main>
  );
}

function useSignIn() {
  const session = useSession();
  const [problem, setProblem] = useState<string | null>(null);
  const [isSending, setSending] = useState(false);
  const sending = useRef(false);

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    if (sending.current) return;
    const written = new FormData(event.currentTarget);
    sending.current = true;
    setSending(true);
    setProblem(null);
    try {
      await session.signIn(String(written.get("email")), String(written.get("password")));
    } catch (error) {
      setProblem(describeSignInProblem(error));
    } finally {
      sending.current = false;
      setSending(false);
    }
  }

  return { problem, isSending, submit: (event: FormEvent<HTMLFormElement>) => void submit(event) };
}
