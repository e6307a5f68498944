import { Button, Group, Modal, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useNavigate } from "react-router";
import { describeProblem } from "../../api/problems";
import { useAction } from "../../shell/commands-context";
import { useDeleting, usePublishing } from "./queries";
import type { Article } from "./types";

/** Published articles are taken back, drafts are published or deleted. */
export function ArticleActions({ article }: { article: Article }) {
  const publishing = usePublishing(article.id);
  const [isAsking, asking] = useDisclosure();
  const isPublished = article.is_published;
  const verb = isPublished ? "Unpublish" : "Publish";
  const run = (): void =>
    publishing.mutate(!isPublished, {
      onSuccess: () => notifications.show({ message: isPublished ? UNPUBLISHED : PUBLISHED }),
      onError: (error) =>
        notifications.show({ color: "red", title: `Not ${verb.toLowerCase()}ed`, message: describeProblem(error) }),
    });
  useAction({ label: `${verb} this article`, group: "Knowledge", run });
  return (
    <Group gap="xs">
      {!isPublished && (
        <Button variant="subtle" color="red" onClick={asking.open}>
          Delete draft
        </Button>
      )}
      <Button variant={isPublished ? "default" : "filled"} loading={publishing.isPending} onClick={run}>
        {verb}
      </Button>
      <DeleteDialog article={article} isOpen={isAsking} close={asking.close} />
    </Group>
  );
}

const PUBLISHED = "Published. The desk answers from it now.";
const UNPUBLISHED = "Unpublished. The desk does not read it any more.";

function DeleteDialog({ article, isOpen, close }: { article: Article; isOpen: boolean; close(): void }) {
  const deleting = useDeleting(article.id);
  const navigate = useNavigate();
  const run = (): void =>
    deleting.mutate(undefined, {
      onSuccess() {
        notifications.show({ message: `“${article.title}” is deleted.` });
        void navigate("/knowledge");
      },
    });
  return (
    <Modal opened={isOpen} onClose={close} title="Delete this draft?">
      <Text size="sm">“{article.title}” and its text are gone for good. An article that was published once stays.</Text>
      {deleting.isError && (
        <Text size="sm" c="red" mt="sm" role="alert">
          {describeProblem(deleting.error)}
        </Text>
      )}
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={close}>
          Keep it
        </Button>
        <Button color="red" loading={deleting.isPending} onClick={run}>
          Delete
        </Button>
      </Group>
    </Modal>
  );
}
