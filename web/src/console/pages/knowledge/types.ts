/** What the API says about the knowledge. */

import type { components, operations } from "../../../generated/api";

type Schemas = components["schemas"];

export type ArticleRow = Schemas["ArticleRow"];
export type Article = Schemas["ArticleView"];
export type Passage = Schemas["PassageView"];
export type Revision = Schemas["RevisionView"];
export type Hint = Schemas["HintView"];
export type Upload = Schemas["UploadView"];
export type Found = Schemas["FoundPassage"];
export type SearchResult = Schemas["SearchResult"];
export type Audience = ArticleRow["audience"];

type ListParameters = NonNullable<operations["list_articles_knowledge_articles_get"]["parameters"]["query"]>;
export type ArticleFilters = Omit<ListParameters, "cursor" | "limit">;
/** What may be said of a file beside it. */
export type FileFields = Omit<
  operations["upload_knowledge_uploads_post"]["requestBody"]["content"]["multipart/form-data"],
  "file"
>;
