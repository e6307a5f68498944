import { Page } from "../../shell/page";

export default function Tickets() {
  return <Page title="Tickets">{null}</Page>;
}
