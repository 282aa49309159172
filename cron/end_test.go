package cron

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestAWebhookIsTold(t *testing.T) {
	code, status, got := 3, http.StatusNoContent, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		assert.Check(t, err)
		got = r.Method + " " + r.Header.Get("Content-Type") + " " + string(text)
		w.WriteHeader(status)
	}))
	defer server.Close()
	at := start.Truncate(time.Second).In(time.FixedZone("", 3600))
	end := End{Project: "shop", Log: []string{"a", "b"}, Record: Record{
		Job: "tidy", Run: "shop-tidy-1", Scheduled: at, Trigger: OnSchedule, Started: &at, Status: Failed, ExitCode: &code, Reason: "exited 3",
	}}
	assert.NilError(t, Webhook{}.Post(t.Context(), end, server.URL))
	assert.Equal(t, got, `POST application/json {"Project":"shop","Job":"tidy","Run":"shop-tidy-1","Scheduled":"2026-03-01T13:00:00+01:00",`+
		`"Trigger":"schedule","Started":"2026-03-01T13:00:00+01:00","Finished":null,"Status":"failed","ExitCode":3,"Reason":"exited 3","Log":["a","b"]}`)
	assert.DeepEqual(t, end.Environment(), map[string]string{
		"HYPER_LITE_PROJECT": "shop", "HYPER_LITE_JOB": "tidy", "HYPER_LITE_RUN": "shop-tidy-1", "HYPER_LITE_STATUS": "failed",
		"HYPER_LITE_REASON": "exited 3", "HYPER_LITE_SCHEDULED": "2026-03-01T13:00:00+01:00", "HYPER_LITE_TRIGGER": "schedule", "HYPER_LITE_EXIT_CODE": "3",
	})
	status = http.StatusInternalServerError
	assert.Error(t, Webhook{}.Post(t.Context(), end, server.URL), "tell of the end of shop-tidy-1: the webhook answered 500 Internal Server Error")
	server.Close()
	assert.ErrorContains(t, Webhook{}.Post(t.Context(), end, server.URL), "tell of the end of shop-tidy-1: ")
}
