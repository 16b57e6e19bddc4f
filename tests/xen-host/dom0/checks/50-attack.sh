# Guests break their own rings; nobody else notices.

attacked() { # GUEST KIND ERROR-WORD [HOW]
	same attack-$2-error-word $3 "$(guest_attack $1 $2 $4)"
	check attack-$2-dom0-goes-on xenstore-write /tool/after-$2 yes
	check attack-$2-others-go-on guest_answers a
	check attack-$2-domain-stays xl domid $1
	refused attack-$2-ring-ignored reads_within 5 $1
}

# Whether an attacked guest still answers.
reads_within() { # SECONDS GUEST
	local home=/local/domain/$(guest_id $2)/data
	xenstore-write $home/request echo:alive
	within $1 reads $home/reply alive
}

if store_is_ours; then
	attacked b index 2 revival
	same revival-introduce OK "$(guest_introduce b)"
	check revival-ring-works within $PATIENCE reads /local/domain/$(guest_id b)/data/revived yes
else
	attacked b index 2
	report skip revival "$STORE ignores a spoilt ring for ever: only xs revives it"
fi
attacked c length 3
