import { z } from 'zod'

/** The most items of one page of a list. */
export const MAX_PAGE = 500

/** Query of every list. */
export const pageQuery = z.strictObject({
  limit: z.int().min(1).max(MAX_PAGE).optional().describe('Most items of the page. Default: 100.'),
  cursor: z.string().max(1024).optional().describe('`next` of the page before. Default: the first page.'),
})

/** Returns the shape of a page of a list. */
export const pageOf = <T extends z.ZodType>(
  item: T,
): z.ZodObject<{ items: z.ZodArray<T>; next: z.ZodOptional<z.ZodString> }> =>
  z.object({
    items: z.array(item),
    next: z.string().optional().describe('Cursor of the next page. Absent on the last page.'),
  })
