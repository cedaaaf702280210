/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The web console's own page, for ui/web_files.c. */
    .section .rodata
    .globl web_index_html, web_index_html_end
web_index_html:
    .incbin "ui/web/index.html"
web_index_html_end:
    .globl web_page_js, web_page_js_end
web_page_js:
    .incbin "ui/web/page.js"
web_page_js_end:
    .globl web_page_css, web_page_css_end
web_page_css:
    .incbin "ui/web/page.css"
web_page_css_end:
    .globl web_vt_js, web_vt_js_end
web_vt_js:
    .incbin "ui/web/vt.js"
web_vt_js_end:
    .globl web_serial_js, web_serial_js_end
web_serial_js:
    .incbin "ui/web/serial.js"
web_serial_js_end:
    .section .note.GNU-stack, "", @progbits
