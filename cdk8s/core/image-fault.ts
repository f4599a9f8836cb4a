// A template with a variable that is not set, such as `shop/web:${process.env.TAG}`.
const UNSET = /(?:^|[/:@])undefined(?:$|[/:@])|:null$/

/** Returns why a text is not an image, as the rest of a sentence that begins with the field, or undefined. */
export function imageFault(image: unknown): string | undefined {
  if (image === undefined || image === null) return 'is missing: wanted one such as "shop/web:1"'
  if (typeof image !== 'string' || !/^\S+$/.test(image)) {
    return `is ${JSON.stringify(image)}: wanted one such as "shop/web:1"`
  }
  if (!UNSET.test(image)) return undefined
  return `is ${JSON.stringify(image)}: a part of it is not set, so look for a variable without a value`
}
