// Pictures for the sheet: opened, dropped on it or pasted anywhere.

import { byId } from "./dom.js";

/**
 * @param {HTMLElement} sheet
 * @param {(picture: Blob) => Promise<void>} onPicture
 */
export function acceptPictures(sheet, onPicture) {
  const input = byId("open", HTMLInputElement);
  /** @param {DragEvent} event */
  const mark = (event) => {
    event.preventDefault();
    sheet.classList.toggle("over", event.type === "dragover");
  };
  /** @param {Blob | null | undefined} picture */
  const take = async (picture) => {
    if (picture) await onPicture(picture);
  };
  input.onchange = () =>
    take(input.files?.[0]).finally(() => {
      input.value = "";
    });
  sheet.addEventListener("dragover", mark);
  sheet.addEventListener("dragleave", mark);
  sheet.addEventListener("drop", (event) => {
    mark(event);
    take(event.dataTransfer?.files[0]);
  });
  document.addEventListener("paste", (event) => {
    const items = [...(event.clipboardData?.items ?? [])];
    take(items.find(({ type }) => type.startsWith("image/"))?.getAsFile());
  });
}
