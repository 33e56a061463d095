"""A window that shows pictures: Tk, which comes with most Pythons, and Pillow."""

from __future__ import annotations

import io
from typing import Any

from visionfleet.errors import NotInstalled


class Window:
    """Shows one picture after the other; a still picture stays until a key or the window's end."""

    def __init__(self) -> None:
        """Open it. Raises NotInstalled where there is no Tk, no Pillow or no screen."""
        try:
            import tkinter  # noqa: PLC0415 - optional: only --show needs it

            from PIL import ImageTk  # noqa: PLC0415 - the same
        except ImportError as error:
            raise NotInstalled(
                f"--show needs Tk and Pillow ({error.name} is missing): apt install python3-tk, pip install pillow; "
                "or use --save."
            ) from None
        try:
            self._root = tkinter.Tk(className="visionfleet")
        except tkinter.TclError:
            raise NotInstalled("--show needs a screen, and there is none here; use --save.") from None
        self._photo_of = ImageTk.PhotoImage
        self._label = tkinter.Label(self._root, borderwidth=0)
        self._label.pack()
        self._shown: Any = None
        self.closed = False
        self._pressed = tkinter.BooleanVar(self._root)
        self._root.protocol("WM_DELETE_WINDOW", self._end)
        self._root.bind("<Escape>", lambda _: self._end())
        self._root.bind("q", lambda _: self._end())
        self._root.bind("<Key>", lambda _: self._pressed.set(True))

    def show(self, title: str, jpeg: bytes, *, still: bool) -> None:
        """Show a picture; a still one until a key is pressed."""
        from PIL import Image  # noqa: PLC0415 - optional

        if self.closed:
            return
        picture = Image.open(io.BytesIO(jpeg))
        picture.thumbnail((self._root.winfo_screenwidth() * 9 // 10, self._root.winfo_screenheight() * 9 // 10))
        self._shown = self._photo_of(picture, master=self._root)
        self._label.configure(image=self._shown)
        self._root.title(title)
        self._root.update()
        if still:
            self._root.wait_variable(self._pressed)

    def close(self) -> None:
        """Be done with it."""
        if not self.closed:
            self._end()

    def _end(self) -> None:
        self.closed = True
        self._pressed.set(True)
        self._root.destroy()
