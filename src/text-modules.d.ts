declare module "*.py" {
  const text: string;
  export default text;
}
declare module "*.tmpl" {
  const text: string;
  export default text;
}
