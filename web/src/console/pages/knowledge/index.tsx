import { Page } from "../../shell/page";

export default function Knowledge() {
  return <Page title="Knowledge">{null}</Page>;
}
